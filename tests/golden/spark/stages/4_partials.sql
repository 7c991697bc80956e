SELECT `paid`,
  `shop`,
  `till`,
  CAST(0 AS BIGINT) AS `_tile`,
  COUNT(*) AS `_n`,
  COUNT(*) AS `sales__n`
FROM counted WHERE `paid` IS NOT NULL AND `shop` IS NOT NULL AND `till` IS NOT NULL AND (`price` > CAST('1.00' AS DECIMAL(18, 2)))
GROUP BY `paid`, `shop`, `till`, 4
