"""Pure statistics of votes: rules, win rates, agreement. Numbers in, frozen results out.
It must not know Django, Celery, the database or how an image was made."""
