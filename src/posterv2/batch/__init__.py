"""Jobs past one machine: inputs cut into shards, each worked on and written whole by one worker of Daft."""
