package cloze.cli.bench;

import cloze.io.DataException;
import cloze.measure.Line;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The same measurements by another program. */
final class Peers {
    /** @param by variant of the program, for example "flash" */
    record Peer(String by, double seconds) {}

    static final Peers NONE = new Peers("");

    private final String by;
    private final Map<String, List<Peer>> peers = new LinkedHashMap<>();
    private final Set<String> left = new LinkedHashSet<>();

    private Peers(String by) {
        this.by = by;
    }

    /** Reads {@code {"by": "...", "lines": [{"name", "pass", "shape", "by", "seconds" or "failure"}, ...]}}. */
    static Peers read(Path file) throws IOException {
        try {
            JsonNode root = JsonMapper.builder().build().readTree(Files.readAllBytes(file));
            var peers = new Peers(root.required("by").asString());
            for (JsonNode line : root.required("lines")) {
                peers.add(line);
            }
            return peers;
        } catch (JacksonException e) {
            throw new DataException(
                    String.format(
                            Locale.ROOT, "%s: no measurements of another program: %s", file, e.getOriginalMessage()),
                    e);
        }
    }

    private void add(JsonNode line) {
        String key = key(
                line.required("name").asString(),
                line.required("pass").asString(),
                line.required("shape").asString());
        if (line.has("failure")) {
            left.add(String.format(
                    Locale.ROOT, "%s: %s", key, line.path("failure").asString()));
            return;
        }
        var peer = new Peer(
                line.required("by").asString(), line.required("seconds").asDouble());
        peers.computeIfAbsent(key, _ -> new ArrayList<>()).add(peer);
        left.add(key);
    }

    private static String key(String name, String pass, String shape) {
        return String.format(Locale.ROOT, "%s %s, %s", name, shape, pass);
    }

    /** The name of the program, empty for none. */
    String by() {
        return by;
    }

    List<Peer> of(Line line) {
        String key = key(line.name(), line.pass(), line.shape());
        left.remove(key);
        return peers.getOrDefault(key, List.of());
    }

    /** Measurements that failed or were not requested there. */
    Set<String> left() {
        return left;
    }
}
