(`price` <= CAST('12.30' AS DECIMAL(18, 2)))
