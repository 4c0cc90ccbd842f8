"""Where the faces are: one protocol, and a file for each detector."""
