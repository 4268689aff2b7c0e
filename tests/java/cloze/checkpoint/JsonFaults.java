package cloze.checkpoint;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** A valid JSON document with one thing wrong, by its own schema: at each path every kind of wrong value. */
public final class JsonFaults {
    /** One wrong document. */
    public record Fault(String what, String json) {}

    private static final JsonMapper JSON = JsonMapper.builder().build();
    private static final String MARK = "\"<here>\"";
    private static final int DEEP = 20_000;

    /** Written as they are, so that numbers no type holds are among them. */
    private static final List<String> VALUES = List.of(
            "null",
            "true",
            "\"\"",
            "\"NaN\"",
            "\"\\u0000\\ud800\"",
            "0",
            "1",
            "3",
            "-1",
            "0.5",
            "32770",
            "65536",
            "16000000",
            "1000000000",
            "2000000000",
            "2147483647",
            "-2147483648",
            "4294967297",
            "9223372036854775807",
            "1" + "0".repeat(400),
            "1e300",
            "-1e300",
            "1e999999999",
            "[]",
            "[null]",
            "[[]]",
            "[1e300, -1]",
            "{}",
            "{\"\": null}");

    private JsonFaults() {}

    /** Every fault of a document. */
    public static List<Fault> of(String valid) {
        List<Fault> all = new ArrayList<>();
        JsonNode root = JSON.readTree(valid);
        at(root, root, "", all);
        all.add(new Fault("cut in half", valid.substring(0, valid.length() / 2)));
        all.add(new Fault("empty", ""));
        all.add(new Fault("not JSON", "PK\u0003\u0004"));
        all.add(new Fault("text behind it", valid + "{}"));
        all.add(new Fault("deep arrays", "[".repeat(DEEP)));
        all.add(new Fault("deep objects", "{\"a\":".repeat(DEEP)));
        for (String value : VALUES) {
            all.add(new Fault("all of it " + brief(value), value));
        }
        return all;
    }

    private static void at(JsonNode root, JsonNode node, String path, List<Fault> all) {
        if (node instanceof ObjectNode object) {
            for (Map.Entry<String, JsonNode> entry : List.copyOf(object.properties())) {
                String key = entry.getKey();
                String place = path + "/" + key;
                JsonNode value = entry.getValue();
                object.put(key, "<here>");
                marked(root.toString(), place, value, all);
                String twice = JSON.writeValueAsString(key) + ":" + value;
                all.add(new Fault(
                        place + " twice",
                        root.toString().replace(JSON.writeValueAsString(key) + ":" + MARK, twice + "," + twice)));
                object.remove(key);
                all.add(new Fault(place + " missing", root.toString()));
                object.set(key, value);
                at(root, value, place, all);
            }
        } else if (node instanceof ArrayNode array) {
            for (int i = 0; i < Math.min(2, array.size()); i++) {
                JsonNode value = array.get(i);
                array.set(i, JSON.getNodeFactory().stringNode("<here>"));
                marked(root.toString(), path + "/" + i, value, all);
                array.set(i, value);
                at(root, value, path + "/" + i, all);
            }
        }
    }

    private static void marked(String json, String place, JsonNode value, List<Fault> all) {
        for (String wrong : VALUES) {
            all.add(new Fault(place + " " + brief(wrong), json.replace(MARK, wrong)));
        }
        all.add(new Fault(place + " deep", json.replace(MARK, "[".repeat(DEEP) + "]".repeat(DEEP))));
        if (value.isIntegralNumber()) {
            all.add(new Fault(place + " negative", json.replace(MARK, "-" + value)));
            all.add(new Fault(place + " text", json.replace(MARK, "\"" + value + "\"")));
        }
    }

    private static String brief(String value) {
        return value.length() < 30 ? value : value.substring(0, 30) + "...";
    }
}
