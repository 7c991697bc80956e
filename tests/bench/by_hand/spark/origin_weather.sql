SELECT origin,
  event_time - event_time % 300000 AS _tile,
  COUNT(*) AS _n,
  MAX(STRUCT(event_time, event_id, available_at, _partition, _offset, temp))
    FILTER (WHERE temp IS NOT NULL) AS temp__last,
  MAX(STRUCT(event_time, event_id, available_at, _partition, _offset, wind_speed))
    FILTER (WHERE wind_speed IS NOT NULL) AS wind__last,
  MAX(STRUCT(event_time, event_id, available_at, _partition, _offset, visib)) AS sight__last,
  MAX(event_time) AS read_at__max,
  MAX(wind_speed) AS strongest_wind__max,
  MAX(wind_gust) AS strongest_gust__max,
  COUNT(precip) AS rain__n,
  SUM(precip) AS rain__sum,
  MIN(pressure) AS lowest_pressure__min
FROM weather
GROUP BY origin, _tile
