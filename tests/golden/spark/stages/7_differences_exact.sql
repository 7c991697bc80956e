SELECT COALESCE(p.`paid`, r.`paid`) AS `paid`,
  COALESCE(p.`shop`, r.`shop`) AS `shop`,
  COALESCE(p.`till`, r.`till`) AS `till`,
  COALESCE(p.`_tile`, r.`_tile`) AS `_tile`,
  CASE WHEN p.`_n` IS NOT NULL THEN TO_JSON(STRUCT(p.`_n`, p.`sales__n`)) END AS `_published`,
  CASE WHEN r.`_n` IS NOT NULL THEN TO_JSON(STRUCT(r.`_n`, r.`sales__n`)) END AS `_rebuilt`
FROM published p
FULL OUTER JOIN rebuilt r ON p.`paid` = r.`paid` AND p.`shop` = r.`shop` AND p.`till` = r.`till` AND p.`_tile` = r.`_tile`
WHERE NOT (p.`_n` <=> r.`_n`)
  OR NOT (p.`sales__n` <=> r.`sales__n`)
