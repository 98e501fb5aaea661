package tidemark.bench;

import java.io.BufferedWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.StringJoiner;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.PipelineOptions;
import org.apache.flink.configuration.RestartStrategyOptions;
import org.apache.flink.configuration.StateBackendOptions;
import org.apache.flink.core.execution.CheckpointingMode;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/**
 * One query on Flink, in this JVM.
 *
 * <pre>Main QUERY EVENTS [made] [settings=exchange,chained,two] [warmup=1] [runs=1] [lines=FILE]</pre>
 *
 * The last line is JSON: records a second of every run by setting. With lines= there is one run, whose results
 * are written.
 */
public final class Main {
  private Main() {}

  public static void main(String[] args) throws Exception {
    String query = args[0];
    int count = Integer.parseInt(args[1]);
    Map<String, String> options = new HashMap<>();
    for (String arg : Arrays.asList(args).subList(2, args.length)) {
      String[] parts = arg.split("=", 2);
      options.put(parts[0], parts.length == 1 ? "" : parts[1]);
    }
    boolean made = options.containsKey("made");
    String lines = options.get("lines");
    int warmUp = lines != null ? 0 : Integer.parseInt(options.getOrDefault("warmup", "1"));
    int runs = lines != null ? 1 : Integer.parseInt(options.getOrDefault("runs", "1"));
    if (!made) {
      Run.events = inMemory(count);
    }
    StringJoiner settings = new StringJoiner(",");
    long results = 0;
    for (String setting : options.getOrDefault("settings", "exchange,chained,two").split(",")) {
      List<String> rates = new ArrayList<>();
      for (int run = -warmUp; run < runs; run++) {
        System.gc();
        Run.reset(lines != null);
        execute(query, count, setting);
        results = Run.results.get();
        double seconds = (Run.lastNanos.get() - Run.firstNanos.get()) / 1e9;
        if (run >= 0) {
          rates.add(Long.toString(Math.round(count / seconds)));
        }
      }
      settings.add("\"" + setting + "\":[" + String.join(",", rates) + "]");
    }
    if (lines != null) {
      write(Path.of(lines), Run.lines);
    }
    System.out.println("\n{\"query\":\"" + query + "\",\"settings\":{" + settings + "},\"results\":" + results + "}");
    System.exit(0);
  }

  private static Event[] inMemory(int count) {
    Generator generator = new Generator();
    Event[] events = new Event[count];
    for (int n = 0; n < count; n++) {
      events[n] = generator.event(n);
    }
    return events;
  }

  private static void execute(String query, int count, String setting) throws Exception {
    int parallelism = setting.equals("two") ? 2 : 1;
    Path directory = Files.createTempDirectory("nexmark-flink-");
    try {
      Configuration configuration = new Configuration();
      configuration.set(PipelineOptions.OBJECT_REUSE, true);
      configuration.set(RestartStrategyOptions.RESTART_STRATEGY, "none");
      configuration.set(StateBackendOptions.STATE_BACKEND, "hashmap");
      configuration.set(CheckpointingOptions.CHECKPOINT_STORAGE, "filesystem");
      configuration.set(CheckpointingOptions.CHECKPOINTS_DIRECTORY, directory.toUri().toString());
      configuration.set(CheckpointingOptions.CHECKPOINTING_INTERVAL, Duration.ofSeconds(1));
      configuration.set(CheckpointingOptions.CHECKPOINTING_CONSISTENCY_MODE, CheckpointingMode.EXACTLY_ONCE);
      StreamExecutionEnvironment environment =
          StreamExecutionEnvironment.createLocalEnvironment(parallelism, configuration);
      WatermarkStrategy<Event> inOrder = WatermarkStrategy.<Event>forMonotonousTimestamps()
          .withTimestampAssigner((event, recordTime) -> recordTime);
      DataStream<Event> events = environment.fromSource(
          new EventSource(count, parallelism), inOrder, "events",
          TypeInformation.of(Event.class));
      new Queries(setting.equals("chained")).add(query, events);
      environment.execute(query);
    } finally {
      delete(directory);
    }
  }

  private static void write(Path file, ConcurrentLinkedQueue<List<String>> lists) throws Exception {
    try (BufferedWriter out = Files.newBufferedWriter(file)) {
      for (List<String> lines : lists) {
        for (String line : lines) {
          out.write(line);
          out.write('\n');
        }
      }
    }
  }

  private static void delete(Path directory) throws Exception {
    try (var all = Files.walk(directory)) {
      for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(path);
      }
    }
  }
}
