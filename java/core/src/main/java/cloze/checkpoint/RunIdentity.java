package cloze.checkpoint;

import cloze.io.DataException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * What a run is bound to besides its settings: its data, classes and kernels. A run that is resumed on something else would
 * not be the same run, and could train on what it held out.
 *
 * @param facts name to value, in the order in which they are reported
 * @param accepted lines of the changes that a user has accepted, the oldest first
 */
public record RunIdentity(Map<String, String> facts, List<String> accepted) {
    /** The name of the fact that holds the kernels. */
    public static final String KERNELS = "kernels";

    /** The name of the fact that holds the tokenizer. */
    public static final String TOKENIZER = "tokenizer";

    /** The name of the fact that holds the classes which the outputs of the model stand for. */
    public static final String OUTPUTS = "classes of the model";

    private static final String KEY = "identity";
    private static final String FACTS = "facts";
    private static final String ACCEPTED = "accepted";
    private static final Set<String> FIXED = Set.of(TOKENIZER, OUTPUTS); // weights mean nothing under others
    private static final int SHOWN = 80;

    public RunIdentity {
        facts = Collections.unmodifiableMap(new LinkedHashMap<>(facts)); // in this order
        accepted = List.copyOf(accepted);
    }

    /** Of a new run. */
    public static RunIdentity of(Map<String, String> facts) {
        return new RunIdentity(facts, List.of());
    }

    /** The same with the kernels of a device. */
    public RunIdentity withKernels(String kernels) {
        var all = new LinkedHashMap<>(facts);
        all.put(KERNELS, kernels);
        return new RunIdentity(all, accepted);
    }

    /** Reads what {@link #addTo} wrote; empty for a run of an earlier version. */
    public static Optional<RunIdentity> read(Path folder) throws IOException {
        ConfigJson json = ConfigJson.read(folder);
        if (!json.has(KEY)) {
            return Optional.empty();
        }
        ConfigJson own = json.object(KEY);
        return Optional.of(
                new RunIdentity(facts(own.object(FACTS)), own.has(ACCEPTED) ? own.texts(ACCEPTED) : List.of()));
    }

    private static Map<String, String> facts(ConfigJson json) throws CheckpointException {
        var facts = new LinkedHashMap<String, String>();
        for (String key : json.keys()) {
            facts.put(key, json.text(key, ""));
        }
        return facts;
    }

    /** Adds this to the description of a run. */
    public void addTo(Map<String, Object> json) {
        var own = new LinkedHashMap<String, Object>();
        own.put(FACTS, facts);
        own.put(ACCEPTED, accepted);
        json.put(KEY, own);
    }

    /**
     * Compares a stored identity with what is there now.
     *
     * @param accept true to go on with changes
     * @return the identity to go on with
     * @throws DataException if something else is there and not accepted, or can not be accepted; says what has changed
     */
    public RunIdentity goingOnWith(RunIdentity now, Path folder, boolean accept) throws DataException {
        List<String> changed = new ArrayList<>();
        boolean fixed = false;
        for (var fact : facts.entrySet()) {
            String found = now.facts.getOrDefault(fact.getKey(), "none");
            if (!found.equals(fact.getValue())) {
                changed.add(String.format(
                        Locale.ROOT, "%s: %s then, %s now", fact.getKey(), shown(fact.getValue()), shown(found)));
                fixed |= FIXED.contains(fact.getKey());
            }
        }
        if (changed.isEmpty()) {
            return this;
        }
        String line = changed.stream().collect(Collectors.joining("; "));
        if (fixed || !accept) {
            throw new DataException(String.format(
                    Locale.ROOT,
                    "%s: the run began on something else (%s)%s",
                    folder,
                    line,
                    fixed
                            ? ", under which its weights mean nothing: restore it"
                            : ": restore it, name its place by --data, or go on by --accept-changed-data"));
        }
        var all = new ArrayList<>(accepted);
        all.add(line);
        return new RunIdentity(now.facts, all);
    }

    private static String shown(String value) {
        return value.length() <= SHOWN ? value : value.substring(0, SHOWN) + "...";
    }
}
