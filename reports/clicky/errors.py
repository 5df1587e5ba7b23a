"""What Clicky says when it will not answer: a sentence, with HTTP 200."""


class ClickyError(Exception):
    """A request that is refused; the text is Clicky's own where it is known ("Invalid sitekey.")."""
