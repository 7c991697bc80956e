(`weight` <> CAST('0.1' AS DOUBLE))
