CREATE TABLE `received` (
  `_body` STRING,
  `_timestamp` TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL,
  `_timestamp_type` STRING METADATA FROM 'timestamp-type' VIRTUAL,
  `_partition` INT METADATA FROM 'partition' VIRTUAL,
  `_offset` BIGINT METADATA FROM 'offset' VIRTUAL,
  `_headers` MAP<STRING, BYTES> METADATA FROM 'headers' VIRTUAL,
  `_proctime` AS PROCTIME(),
  `_tick` AS ARRAY_CONTAINS(MAP_KEYS(`_headers`), 'tideline-tick'),
  `_append_time` AS CASE WHEN `_timestamp_type` = 'LogAppendTime'
    THEN EXTRACT(EPOCH FROM `_timestamp`) * 1000 + EXTRACT(MILLISECOND FROM `_timestamp`) END
) WITH (
  'connector' = 'kafka',
  'topic' = 'events.sale',
  'properties.bootstrap.servers' = 'kafka',
  'properties.group.id' = 'g',
  'properties.isolation.level' = 'read_committed',
  'scan.startup.mode' = 'specific-offsets',
  'scan.startup.specific-offsets' = 'partition:0,offset:5;partition:1,offset:7',
  'scan.topic-partition-discovery.interval' = '0',
  'format' = 'raw'
)
