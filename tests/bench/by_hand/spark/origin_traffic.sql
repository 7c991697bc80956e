SELECT origin,
  event_time - event_time % 300000 AS _tile,
  COUNT(*) AS _n,
  COUNT(*) AS departures__n,
  COUNT(distance) AS miles__n,
  SUM(distance) AS miles__sum,
  COUNT(dep_delay) AS mean_delay__n,
  SUM(dep_delay) AS mean_delay__sum,
  COUNT(*) AS waiting__n,
  SUM(GREATEST(dep_delay, 0)) AS waiting__sum,
  MAX(STRUCT(event_time, event_id, available_at, _partition, _offset, dest)) AS last_dest__last
FROM departure
GROUP BY origin, _tile
