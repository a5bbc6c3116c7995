"""From a row's reference, in the layout it was published in, to the jobs that judge a program."""
