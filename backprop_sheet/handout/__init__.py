"""Hand out an exercise to a class: a roster, numbers of each student's own, and who has which."""
