"""The Delta tables in which the layers meet: what is applied, what batch has published, what runs on the stream."""

from schemas.lake.arrow import settle_without_pandas

# Before any table is opened: the datasets that read them would import pandas.
settle_without_pandas()
