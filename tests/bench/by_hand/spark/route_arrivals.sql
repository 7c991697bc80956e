SELECT dest, origin,
  event_time - event_time % 3600000 AS _tile,
  COUNT(*) AS _n,
  COUNT(*) AS arrivals__n,
  COUNT(*) AS late_share__n,
  SUM(CASE WHEN arr_delay > 15 THEN 1 ELSE 0 END) AS late_share__sum,
  COUNT(*) AS mean_delay__n,
  SUM(arr_delay) AS mean_delay__sum,
  COUNT(*) AS caught_up__n,
  SUM(DOUBLE(dep_delay - arr_delay)) AS caught_up__sum,
  COUNT(air_time) AS speed__n,
  SUM(DOUBLE(distance) / air_time * 60) AS speed__sum,
  MAX(STRUCT(event_time, event_id, available_at, _partition, _offset, arr_delay)) AS last_delay__last
FROM arrival
WHERE arr_delay IS NOT NULL
GROUP BY dest, origin, _tile
