"""Single sign-on: an account's own OpenID provider, and the e-mail domains whose people log in through it."""
