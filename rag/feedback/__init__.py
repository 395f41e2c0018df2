"""What readers made of answers: kept with the answer, and turned into candidates for gold questions."""
