SELECT `paid`,
  `shop`,
  `till`,
  `_tile`,
  SUM(`_n`) AS `_n`,
  SUM(`sales__n`) AS `sales__n`
FROM segments
GROUP BY `paid`, `shop`, `till`, `_tile`
