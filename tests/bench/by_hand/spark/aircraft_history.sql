SELECT tailnum,
  event_time - event_time % 3600000 AS _tile,
  COUNT(*) AS _n,
  MAX(STRUCT(event_time, event_id, available_at, _partition, _offset, arr_delay))
    FILTER (WHERE arr_delay IS NOT NULL) AS last_delay__last,
  MAX(STRUCT(event_time, event_id, available_at, _partition, _offset, dest)) AS last_dest__last,
  COUNT(*) AS flights__n,
  COUNT(air_time) AS air_time__n,
  SUM(air_time) AS air_time__sum
FROM arrival
GROUP BY tailnum, _tile
