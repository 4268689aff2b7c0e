package cloze.foreign;

import cloze.checkpoint.CheckpointException;
import cloze.checkpoint.Safetensors;
import cloze.checkpoint.SafetensorsWriter;
import cloze.checkpoint.StoredTensor;
import cloze.checkpoint.StoredType;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/**
 * The names and forms of a model's parameters in a foreign file format, for reading and writing.
 *
 * @param mappings every parameter of the model, once or in parts
 * @param prefix optional prefix of all names when reading, always written; may be empty
 * @param ties names in a file, without prefix, whose tensor repeats another: left out when writing, compared when
 *     reading
 * @param ignored names in a file, without prefix, that are not parameters
 */
public record Layout(List<Mapping> mappings, String prefix, Map<String, String> ties, Predicate<String> ignored) {
    private static final int MOST_PROBLEMS = 20; // in a message

    /**
     * One parameter.
     *
     * @param file its name in a file, without prefix
     * @param model its name in the model
     * @param form form in the file; several mappings may each hold a part of one parameter
     */
    public record Mapping(String file, String model, TensorForm form) {}

    /** A parameter's place in host memory: dense f32. */
    public record Values(Shape shape, MemorySegment floats) {
        public Values {
            if (floats.byteSize() != shape.size() * Float.BYTES) {
                throw new IllegalArgumentException(String.format(
                        Locale.ROOT, "Values: floats must be %s f32, but is %d bytes", shape, floats.byteSize()));
            }
        }

        /** Those of an f32 tensor in host memory. */
        public static Values of(Tensor tensor) {
            return new Values(tensor.shape(), Safetensors.elements(tensor));
        }
    }

    /**
     * Parameters under their own names and in their own shapes.
     *
     * @param ignored names of other tensors that may be in the file
     */
    public static Layout own(Collection<String> names, Collection<String> ignored) {
        List<Mapping> mappings = names.stream()
                .map(name -> new Mapping(name, name, new TensorForm.Same()))
                .toList();
        return new Layout(mappings, "", Map.of(), Set.copyOf(ignored)::contains);
    }

    public Layout {
        mappings = List.copyOf(mappings);
        ties = Map.copyOf(ties);
    }

    /**
     * Fills a model's parameters from a file; nothing is written before all tensors are checked.
     *
     * @param parameters by the model's names: exactly those of the mappings
     * @throws CheckpointException naming every tensor that is missing, unexpected or of another shape
     */
    public void read(Safetensors file, Map<String, Values> parameters) throws CheckpointException {
        var shapes = new LinkedHashMap<String, Shape>();
        parameters.forEach((name, values) -> shapes.put(name, values.shape()));
        check(file, shapes);
        SequencedMap<String, String> stored = storedNames(file);
        for (Mapping mapping : mappings) {
            String name = stored.getOrDefault(mapping.file(), mapping.file());
            mapping.form().read(file, name, of(parameters, mapping));
        }
    }

    /**
     * Checks that a file has a model's parameters and no others, from names and shapes alone: sizes that a config claims
     * are compared with the file before memory is taken for them.
     *
     * @param parameters shapes by the model's names: exactly those of the mappings
     * @throws CheckpointException naming every tensor that is missing, unexpected or of another shape
     */
    public void check(Safetensors file, Map<String, Shape> parameters) throws CheckpointException {
        requireMapped(parameters);
        SequencedMap<String, String> stored = storedNames(file);
        List<String> problems = new ArrayList<>();
        Set<String> unexpected = new LinkedHashSet<>(stored.keySet());
        for (Mapping mapping : mappings) {
            unexpected.remove(mapping.file());
            String name = stored.get(mapping.file());
            if (name == null) {
                problems.add("missing " + mapping.file());
            } else {
                checkFits(file.tensor(name), mapping, of(parameters, mapping), problems);
            }
        }
        unexpected.removeIf(name -> ignored.test(name) || ties.containsKey(name));
        unexpected.forEach(name -> problems.add("unexpected " + CheckpointException.quote(name)));
        requireTied(file, stored, problems);
        if (!problems.isEmpty()) {
            throw new CheckpointException(file.path(), summary(problems));
        }
    }

    /** The first problems; a model of other sizes has one with every tensor. */
    private static String summary(List<String> problems) {
        String some = problems.stream().limit(MOST_PROBLEMS).collect(Collectors.joining("; "));
        int rest = problems.size() - MOST_PROBLEMS;
        return rest > 0 ? some + "; and " + rest + " more" : some;
    }

    /** Names without prefix, each to the name in the file. */
    private SequencedMap<String, String> storedNames(Safetensors file) throws CheckpointException {
        SequencedMap<String, String> stored = new LinkedHashMap<>();
        for (String name : file.tensors().keySet()) {
            String plain = name.startsWith(prefix) ? name.substring(prefix.length()) : name;
            if (stored.putIfAbsent(plain, name) != null) {
                throw new CheckpointException(file.path(), plain, "given once", "given with and without " + prefix);
            }
        }
        return stored;
    }

    private static void checkFits(StoredTensor stored, Mapping mapping, Shape shape, List<String> problems) {
        Shape expected = mapping.form().inFile(shape);
        if (!stored.shape().equals(expected)) {
            problems.add(String.format(
                    Locale.ROOT, "shape of %s must be %s, but is %s", mapping.file(), expected, stored.shape()));
        } else if (!stored.type().convertsToFloat()) {
            problems.add(String.format(
                    Locale.ROOT,
                    "dtype of %s must be F32, F16, BF16 or F64, but is %s",
                    mapping.file(),
                    stored.type()));
        }
    }

    private void requireTied(Safetensors file, Map<String, String> stored, List<String> problems)
            throws CheckpointException {
        for (var tie : ties.entrySet()) {
            String copy = stored.get(tie.getKey());
            String original = stored.get(tie.getValue());
            if (copy == null || original == null) {
                continue;
            }
            boolean sameType = file.tensor(copy).type() == file.tensor(original).type();
            if (!sameType || file.segment(copy).mismatch(file.segment(original)) >= 0) {
                problems.add(String.format(
                        Locale.ROOT,
                        "%s must equal %s, to which it is tied, but differs",
                        tie.getKey(),
                        tie.getValue()));
            }
        }
    }

    /** Adds a model's parameters to a file under the names and in the orientation of this layout. */
    public void write(Map<String, Values> parameters, SafetensorsWriter to) {
        requireMapped(parameters);
        for (Mapping mapping : mappings) {
            Values values = of(parameters, mapping);
            to.add(
                    prefix + mapping.file(),
                    StoredType.F32,
                    mapping.form().inFile(values.shape()),
                    memory -> mapping.form().elements(values, memory));
        }
    }

    private static <V> V of(Map<String, V> parameters, Mapping mapping) {
        V values = parameters.get(mapping.model());
        if (values == null) {
            throw new IllegalArgumentException(
                    String.format(Locale.ROOT, "Layout: parameter %s must be given, but is missing", mapping.model()));
        }
        return values;
    }

    private void requireMapped(Map<String, ?> parameters) {
        Set<String> unknown = new LinkedHashSet<>(parameters.keySet());
        mappings.forEach(mapping -> unknown.remove(mapping.model()));
        if (!unknown.isEmpty()) {
            throw new IllegalArgumentException("Layout: no place in the file for " + String.join(", ", unknown));
        }
    }
}
