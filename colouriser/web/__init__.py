"""The static edition: the studio in the browser, without a server that colours."""
