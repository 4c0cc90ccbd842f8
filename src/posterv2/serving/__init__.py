"""A service for pictures and streams over HTTP, and its page: needs `posterv2[serve]`."""
