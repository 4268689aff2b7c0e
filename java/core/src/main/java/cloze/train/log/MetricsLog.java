package cloze.train.log;

import cloze.io.DurableFiles;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
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

    private static final Logger LOG = LoggerFactory.getLogger(MetricsLog.class);
    private final RandomAccessFile file; // no channel: the interrupt of a thread would close it

    private MetricsLog(RandomAccessFile file) {
        this.file = file;
    }

    /** Opens a log to continue after {@code step}; lines of later steps are removed, lines that are none are kept. */
    static MetricsLog open(Path path, long step) throws IOException {
        DurableFiles.refuseLink(path);
        var file = new RandomAccessFile(path.toFile(), "rw");
        try {
            long end = bytesUntil(path, step);
            file.setLength(end);
            if (end > 0) {
                file.seek(end - 1);
                if (file.read() != '\n') {
                    file.write('\n');
                }
            }
            return new MetricsLog(file);
        } catch (IOException e) {
            file.close();
            throw e;
        }
    }

    /** Length up to the end of the last line of a step up to {@code step}. */
    private static long bytesUntil(Path file, long step) throws IOException {
        long bytes = 0;
        long end = 0;
        try (var in = new BufferedInputStream(Files.newInputStream(file))) {
            for (byte[] line = line(in); line.length > 0; line = line(in)) {
                bytes += line.length;
                JsonNode json = parse(line);
                if (json != null && json.path("step").asLong() > step) {
                    break;
                }
                end = json == null ? end : bytes;
            }
        }
        return end;
    }

    /** The next line with its end, empty after the last. */
    private static byte[] line(InputStream in) throws IOException {
        var line = new ByteArrayOutputStream();
        for (int next = in.read(); next >= 0; next = in.read()) {
            line.write(next);
            if (next == '\n') {
                break;
            }
        }
        return line.toByteArray();
    }

    /** An event; null if the line is none, such as the last one of a process that was killed. */
    private static @Nullable JsonNode parse(byte[] line) {
        try {
            JsonNode json = JSON.readTree(line);
            return json.isObject() && json.path("step").canConvertToLong() ? json : null;
        } catch (JacksonException e) {
            return null;
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
        file.write((JSON.writeValueAsString(line) + "\n").getBytes(StandardCharsets.UTF_8));
    }

    void sync() throws IOException {
        file.getFD().sync();
    }

    @Override
    public void close() throws IOException {
        file.close();
    }

    /** The steps and evaluations of a log, in order; lines that are none are left out with a warning. */
    public static List<TrainingEvent> read(Path file) throws IOException {
        var events = new ArrayList<TrainingEvent>();
        try (var in = new BufferedInputStream(Files.newInputStream(file))) {
            int number = 1;
            for (byte[] line = line(in); line.length > 0; line = line(in)) {
                JsonNode json = parse(line);
                if (json != null) {
                    events.add(event(json));
                } else if (line[line.length - 1] == '\n') {
                    LOG.warn("{}, line {}: expected a step or an evaluation; the line is left out", file, number);
                }
                number++;
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
