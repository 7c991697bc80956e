(`price` < CAST(`till` AS DECIMAL(38, 2)))
