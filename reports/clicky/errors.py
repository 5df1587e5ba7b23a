"""The errors of the Clicky dialect: a sentence, mostly with HTTP status 200."""


class ClickyError(Exception):
    """A request that is rejected; the text is Clicky's own where it is documented ("Invalid sitekey.")."""
