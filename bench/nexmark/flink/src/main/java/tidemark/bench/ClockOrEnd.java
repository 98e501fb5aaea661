package tidemark.bench;

import org.apache.flink.streaming.api.windowing.triggers.Trigger;
import org.apache.flink.streaming.api.windowing.triggers.TriggerResult;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;

/**
 * Windows of processing time that also speak at the end of the input. Flink forgets what is open then, so the
 * totals could not be compared. Only where results are written: it costs a second timer.
 */
final class ClockOrEnd extends Trigger<Object, TimeWindow> {
  private static final long END = Long.MAX_VALUE - 1;

  @Override
  public TriggerResult onElement(Object value, long timestamp, TimeWindow window, TriggerContext context) {
    context.registerProcessingTimeTimer(window.maxTimestamp());
    context.registerEventTimeTimer(END);
    return TriggerResult.CONTINUE;
  }

  @Override
  public TriggerResult onProcessingTime(long time, TimeWindow window, TriggerContext context) {
    return TriggerResult.FIRE_AND_PURGE;
  }

  @Override
  public TriggerResult onEventTime(long time, TimeWindow window, TriggerContext context) {
    return TriggerResult.FIRE_AND_PURGE;
  }

  @Override
  public void clear(TimeWindow window, TriggerContext context) throws Exception {
    context.deleteProcessingTimeTimer(window.maxTimestamp());
    context.deleteEventTimeTimer(END);
  }
}
