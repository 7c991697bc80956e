(`price` <= CAST('12.30' AS DECIMAL(38, 2)))
