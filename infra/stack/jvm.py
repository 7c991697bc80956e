"""What every JVM of the local stack is started with."""

# Serial collection needs neither threads nor remembered sets, and pauses for milliseconds on heaps this small.
# A JVM out of memory ends, so that the supervisor starts a sound one.
LEAN = (
    "-XX:+UseSerialGC",
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:-UsePerfData",
    "-XX:ReservedCodeCacheSize=96m",
    "-Djava.awt.headless=true",
)
