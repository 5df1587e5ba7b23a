"""Links and what they use in the management API. ClickMeter's API is in `links.clickmeter`."""
