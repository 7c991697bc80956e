SELECT COALESCE(p.`shop`, r.`shop`) AS `shop`,
  COALESCE(p.`_tile`, r.`_tile`) AS `_tile`,
  CASE WHEN p.`_n` IS NOT NULL THEN TO_JSON(STRUCT(p.`_n`, p.`weight__n`, p.`weight__sum`, p.`weight__squares`, p.`sum__n`, p.`sum__sum`, p.`price__n`, p.`price__sum`)) END AS `_published`,
  CASE WHEN r.`_n` IS NOT NULL THEN TO_JSON(STRUCT(r.`_n`, r.`weight__n`, r.`weight__sum`, r.`weight__squares`, r.`sum__n`, r.`sum__sum`, r.`price__n`, r.`price__sum`)) END AS `_rebuilt`
FROM p p
FULL OUTER JOIN r r ON p.`shop` = r.`shop` AND p.`_tile` = r.`_tile`
LEFT JOIN m m ON r.`shop` = m.`shop` AND r.`_tile` = m.`_tile`
WHERE NOT (p.`_n` <=> r.`_n`)
  OR NOT (p.`weight__n` <=> r.`weight__n`)
  OR ((p.`weight__sum` IS NULL) <> (r.`weight__sum` IS NULL) OR ABS(p.`weight__sum` - r.`weight__sum`) > 1e-09D * COALESCE(m.`weight__sum`, 0))
  OR ((p.`weight__squares` IS NULL) <> (r.`weight__squares` IS NULL) OR ABS(p.`weight__squares` - r.`weight__squares`) > 1e-09D * COALESCE(m.`weight__squares`, 0))
  OR NOT (p.`sum__n` <=> r.`sum__n`)
  OR ((p.`sum__sum` IS NULL) <> (r.`sum__sum` IS NULL) OR ABS(p.`sum__sum` - r.`sum__sum`) > 1e-09D * COALESCE(m.`sum__sum`, 0))
  OR NOT (p.`price__n` <=> r.`price__n`)
  OR NOT (p.`price__sum` <=> r.`price__sum`)

SELECT `shop`,
  CAST(0 AS BIGINT) AS `_tile`,
  SUM(ABS((`weight` - CAST('1.5' AS DOUBLE)))) AS `weight__sum`,
  SUM(ABS((`weight` - CAST('1.5' AS DOUBLE)) * (`weight` - CAST('1.5' AS DOUBLE)))) AS `weight__squares`,
  SUM(ABS(`weight`)) AS `sum__sum`
FROM counted WHERE `shop` IS NOT NULL AND (`price` > CAST('1.00' AS DECIMAL(18, 2)))
GROUP BY `shop`, 2
