"""What a class handed in: folders and zips of course systems, and whose each file is."""
