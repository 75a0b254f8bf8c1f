"""What pairs of workbooks have in common that is improbable in their class."""
