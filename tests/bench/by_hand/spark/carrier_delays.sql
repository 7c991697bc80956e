SELECT carrier,
  event_time - event_time % 300000 AS _tile,
  COUNT(*) AS _n,
  COUNT(*) AS departures__n,
  COUNT(dep_delay) AS mean_delay__n,
  SUM(dep_delay) AS mean_delay__sum,
  COUNT(dep_delay) AS late_share__n,
  SUM(CASE WHEN dep_delay > 15 THEN 1 ELSE 0 END) AS late_share__sum,
  MAX(dep_delay) AS worst_delay__max,
  COUNT(dep_delay) AS delay_spread__n,
  SUM(DOUBLE(dep_delay - 12)) AS delay_spread__sum,
  SUM(DOUBLE((dep_delay - 12) * (dep_delay - 12))) AS delay_spread__squares
FROM departure
GROUP BY carrier, _tile
