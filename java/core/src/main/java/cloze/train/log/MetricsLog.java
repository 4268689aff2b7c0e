package cloze.train.log;

import java.io.BufferedReader;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;
import tools.jackson.databind.json.JsonMapper;

/**
 * {@code metrics.jsonl}: one JSON object a line for each step and each evaluation. The file of a run that was killed and
 * resumed reads like that of one that was not.
 */
public final class MetricsLog implements TrainingListener, Closeable {
    private static final ObjectMapper JSON = JsonMapper.builder().build();

    private final FileChannel channel;

    private MetricsLog(FileChannel channel) {
        this.channel = channel;
    }

    /** Opens a log to continue after {@code step}; lines of later steps are removed. */
    static MetricsLog open(Path file, long step) throws IOException {
        FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        channel.truncate(bytesUntil(file, step));
        channel.position(channel.size());
        return new MetricsLog(channel);
    }

    /** Length of the whole lines of steps up to {@code step}. */
    private static long bytesUntil(Path file, long step) throws IOException {
        long bytes = 0;
        try (BufferedReader reader = Files.newBufferedReader(file, StandardCharsets.ISO_8859_1)) {
            for (String line = reader.readLine(); line != null; line = reader.readLine()) {
                JsonNode json = parse(new String(line.getBytes(StandardCharsets.ISO_8859_1), StandardCharsets.UTF_8));
                if (json == null || json.path("step").asLong(Long.MAX_VALUE) > step) {
                    break;
                }
                bytes += line.length() + 1;
            }
        }
        return Math.min(bytes, Files.size(file));
    }

    private static @Nullable JsonNode parse(String line) {
        try {
            JsonNode json = JSON.readTree(line);
            return json.isObject() ? json : null;
        } catch (JacksonException e) {
            return null; // the last line of a process that was killed
        }
    }

    @Override
    public void on(TrainingEvent event) throws IOException {
        switch (event) {
            case TrainingEvent.Step step -> write(line(step));
            case TrainingEvent.Evaluated evaluated -> write(line(evaluated));
            case TrainingEvent.Started _,
                    TrainingEvent.Sampled _,
                    TrainingEvent.Checkpointed _,
                    TrainingEvent.Ended _ -> {}
        }
    }

    private static Map<String, Object> line(TrainingEvent.Step step) {
        var line = new LinkedHashMap<String, Object>();
        line.put("step", step.step());
        line.put("loss", step.loss());
        line.put("learning_rate", step.learningRate());
        line.put("gradient_norm", step.gradientNorm());
        line.put("units_per_second", step.unitsPerSecond());
        line.put("seconds", step.seconds());
        if (step.skipped()) {
            line.put("skipped", true);
        }
        return line;
    }

    private static Map<String, Object> line(TrainingEvent.Evaluated evaluated) {
        var line = new LinkedHashMap<String, Object>();
        line.put("step", evaluated.step());
        line.put("evaluation", evaluated.metrics());
        line.put("seconds", evaluated.seconds());
        if (evaluated.best()) {
            line.put("best", true);
        }
        return line;
    }

    private void write(Map<String, Object> line) throws IOException {
        ByteBuffer bytes = ByteBuffer.wrap((JSON.writeValueAsString(line) + "\n").getBytes(StandardCharsets.UTF_8));
        while (bytes.hasRemaining()) {
            channel.write(bytes);
        }
    }

    void sync() throws IOException {
        channel.force(false);
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }

    /** The steps and evaluations of a log, in order; an unfinished last line is left out. */
    public static List<TrainingEvent> read(Path file) throws IOException {
        var events = new ArrayList<TrainingEvent>();
        try (BufferedReader reader = Files.newBufferedReader(file)) {
            for (String line = reader.readLine(); line != null; line = reader.readLine()) {
                JsonNode json = parse(line);
                if (json != null) {
                    events.add(event(json));
                }
            }
        }
        return events;
    }

    private static TrainingEvent event(JsonNode json) {
        long step = json.path("step").asLong(0);
        double seconds = number(json, "seconds");
        JsonNode evaluation = json.path("evaluation");
        if (evaluation.isObject()) {
            var metrics = new LinkedHashMap<String, Double>();
            evaluation
                    .properties()
                    .forEach(metric -> metrics.put(metric.getKey(), number(evaluation, metric.getKey())));
            return new TrainingEvent.Evaluated(
                    step, metrics, seconds, json.path("best").asBoolean(false));
        }
        return new TrainingEvent.Step(
                step,
                number(json, "loss"),
                number(json, "learning_rate"),
                number(json, "gradient_norm"),
                number(json, "units_per_second"),
                seconds,
                json.path("skipped").asBoolean(false));
    }

    /** JSON has no NaN: such a value is a text, or null. */
    private static double number(JsonNode json, String key) {
        return json.path(key).asDouble(Double.NaN);
    }
}
