"""The on-site widget: the numbers of a page, shown on the page itself to those who may read the site's reports.

A script of ours draws a badge on the customer's page. Who presses it opens a page of ours in a window of its own, where
they are logged in; that page hands a code to a frame of ours on the customer's page, and the frame gets a token for it.
The customer's page never sees the code, the token or a number (docs/decisions/0019-on-site-widget.md).
"""
