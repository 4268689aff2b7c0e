package cloze.checkpoint;

import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;
import java.util.function.Predicate;

/**
 * How a model's parameters are named and turned in somebody's files, in both directions.
 *
 * @param mappings every parameter of the model, once
 * @param prefix what may stand in front of all names in a file, and does in ours; may be empty
 * @param ties names in a file, without prefix, whose tensor repeats another: left out when writing, compared when reading
 * @param ignored names in a file, without prefix, that are no parameters
 */
public record Layout(List<Mapping> mappings, String prefix, Map<String, String> ties, Predicate<String> ignored) {
    /**
     * One parameter.
     *
     * @param file its name in a file, without prefix
     * @param model its name in the model
     * @param transposed whether the file has [in, out] where the model has [out, in]
     */
    public record Mapping(String file, String model, boolean transposed) {}

    /** A parameter's place in host memory: dense f32. */
    public record Values(Shape shape, MemorySegment floats) {
        public Values {
            if (floats.byteSize() != shape.size() * Float.BYTES) {
                throw new IllegalArgumentException(
                        "Values: floats must be %s f32, but is %d bytes".formatted(shape, floats.byteSize()));
            }
        }

        /** Those of an f32 tensor in host memory. */
        public static Values of(Tensor tensor) {
            return new Values(tensor.shape(), Safetensors.elements(tensor));
        }

        private Shape shapeInFile(boolean transposed) {
            return transposed ? new Shape(shape.extent(1), shape.extent(0)) : shape;
        }
    }

    public Layout {
        mappings = List.copyOf(mappings);
        ties = Map.copyOf(ties);
    }

    /**
     * Fills a model's parameters from a file; nothing is written before everything was found to fit.
     *
     * @param parameters by the model's names: exactly those of the mappings
     * @throws CheckpointException naming every tensor that is missing, unexpected or of another shape
     */
    public void read(Safetensors file, Map<String, Values> parameters) throws CheckpointException {
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
                checkFits(file.tensor(name), mapping, values(parameters, mapping), problems);
            }
        }
        unexpected.removeIf(name -> ignored.test(name) || ties.containsKey(name));
        unexpected.forEach(name -> problems.add("unexpected " + CheckpointException.quote(name)));
        requireTied(file, stored, problems);
        if (!problems.isEmpty()) {
            throw new CheckpointException(file.path(), String.join("; ", problems));
        }
        for (Mapping mapping : mappings) {
            String name = stored.getOrDefault(mapping.file(), mapping.file());
            MemorySegment floats = values(parameters, mapping).floats();
            if (mapping.transposed()) {
                file.copyTransposedTo(name, floats);
            } else {
                file.copyTo(name, floats);
            }
        }
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

    private static void checkFits(StoredTensor stored, Mapping mapping, Values values, List<String> problems) {
        Shape expected = values.shapeInFile(mapping.transposed());
        if (!stored.shape().equals(expected)) {
            problems.add("shape of %s must be %s, but is %s".formatted(mapping.file(), expected, stored.shape()));
        } else if (!stored.type().convertsToFloat()) {
            problems.add(
                    "dtype of %s must be F32, F16, BF16 or F64, but is %s".formatted(mapping.file(), stored.type()));
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
                problems.add(
                        "%s must equal %s, to which it is tied, but differs".formatted(tie.getKey(), tie.getValue()));
            }
        }
    }

    /** Adds a model's parameters to a file under the names and in the orientation of this layout. */
    public void write(Map<String, Values> parameters, SafetensorsWriter to) {
        requireMapped(parameters);
        for (Mapping mapping : mappings) {
            Values values = values(parameters, mapping);
            Shape shape = values.shapeInFile(mapping.transposed());
            String name = prefix + mapping.file();
            if (mapping.transposed()) {
                to.add(name, StoredType.F32, shape, memory -> {
                    MemorySegment turned = memory.allocate(values.floats().byteSize(), Float.BYTES);
                    var floats = new FloatConversion(values.floats(), StoredType.F32);
                    floats.copyTransposedTo(turned, shape.extent(1), shape.extent(0));
                    return turned;
                });
            } else {
                to.add(name, StoredType.F32, shape, values.floats());
            }
        }
    }

    private static Values values(Map<String, Values> parameters, Mapping mapping) {
        Values values = parameters.get(mapping.model());
        if (values == null || (mapping.transposed() && values.shape().rank() != 2)) {
            String actual = values == null ? "missing" : values.shape().toString();
            String expected = mapping.transposed() ? "a matrix" : "given";
            throw new IllegalArgumentException(
                    "Layout: parameter %s must be %s, but is %s".formatted(mapping.model(), expected, actual));
        }
        return values;
    }

    private void requireMapped(Map<String, Values> parameters) {
        Set<String> unknown = new LinkedHashSet<>(parameters.keySet());
        mappings.forEach(mapping -> unknown.remove(mapping.model()));
        if (!unknown.isEmpty()) {
            throw new IllegalArgumentException("Layout: no place in the file for " + String.join(", ", unknown));
        }
    }
}
