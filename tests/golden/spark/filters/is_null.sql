(`till` IS NULL)
