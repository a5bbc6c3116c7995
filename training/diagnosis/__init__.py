"""What the record of a run says of it in sentences: did it learn, did it keep, is it sound. Independent of pages and
terminals, and of a process that runs."""
