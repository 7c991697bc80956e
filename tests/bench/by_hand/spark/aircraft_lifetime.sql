SELECT tailnum,
  BIGINT(0) AS _tile,
  COUNT(*) AS _n,
  COUNT(*) AS departures__n,
  COUNT(distance) AS miles__n,
  SUM(distance) AS miles__sum,
  COUNT(dep_delay) AS mean_delay__n,
  SUM(dep_delay) AS mean_delay__sum,
  MIN(event_time) AS first_seen__min,
  MAX(event_time) AS last_seen__max
FROM departure
GROUP BY tailnum
