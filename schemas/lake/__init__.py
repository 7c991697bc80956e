"""The Delta tables in which the layers meet: what is applied, what batch has published, what runs on the stream."""
