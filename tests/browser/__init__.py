"""What only a real browser can show: cold deep links, the URL, clicks, colours, print."""
