package cloze.foreign;

import cloze.checkpoint.Safetensors;
import cloze.checkpoint.SafetensorsWriter;
import cloze.checkpoint.StoredTensor;
import cloze.checkpoint.StoredType;
import cloze.tensor.Shape;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.UnaryOperator;

/** {@code golden/mae-tiny}, and folders that differ from it. */
final class GoldenMae {
    private GoldenMae() {}

    static Path folder() {
        try {
            return Path.of(Objects.requireNonNull(GoldenMae.class.getResource("/golden/mae-tiny"))
                    .toURI());
        } catch (URISyntaxException e) {
            throw new AssertionError(e);
        }
    }

    /** What the independent implementation was given or computed. */
    static float[] floats(String name) throws IOException {
        try (var file = Safetensors.open(folder().resolve("expected.safetensors"))) {
            return floats(file, name);
        }
    }

    static float[] floats(Safetensors file, String name) throws IOException {
        var floats = new float[Math.toIntExact(file.tensor(name).size())];
        file.copyTo(name, MemorySegment.ofArray(floats));
        return floats;
    }

    static int[] ints(String name) throws IOException {
        try (var file = Safetensors.open(folder().resolve("expected.safetensors"))) {
            return file.segment(name).toArray(ValueLayout.JAVA_INT_UNALIGNED);
        }
    }

    /** With another configuration. */
    static Path copy(Path to, UnaryOperator<String> config) throws IOException {
        Files.createDirectories(to);
        Files.writeString(to.resolve("config.json"), config.apply(Files.readString(folder().resolve("config.json"))));
        Path weights = to.resolve("model.safetensors");
        Files.deleteIfExists(weights);
        Files.copy(folder().resolve("model.safetensors"), weights);
        return to;
    }

    /** Tensors that are left out, and others that are put in their places or added. */
    record Change(Set<String> left, Map<String, float[]> floats, Map<String, Shape> shapes) {
        static final Change NONE = new Change(Set.of(), Map.of(), Map.of());

        Change without(String name) {
            var all = new LinkedHashSet<>(left);
            all.add(name);
            return new Change(all, floats, shapes);
        }

        Change with(String name, float[] values, int... extents) {
            var allFloats = new LinkedHashMap<>(floats);
            allFloats.put(name, values);
            var allShapes = new LinkedHashMap<>(shapes);
            allShapes.put(name, new Shape(extents));
            return new Change(left, allFloats, allShapes);
        }
    }

    static Path changed(Path to, Change change) throws IOException {
        copy(to, json -> json);
        try (var theirs = Safetensors.open(folder())) {
            var writer = new SafetensorsWriter();
            for (StoredTensor tensor : theirs.tensors().values()) {
                String name = tensor.name();
                if (!change.left().contains(name) && !change.floats().containsKey(name)) {
                    writer.add(name, tensor.type(), tensor.shape(), theirs.segment(name));
                }
            }
            change.floats()
                    .forEach((name, values) -> writer.add(
                            name,
                            StoredType.F32,
                            Objects.requireNonNull(change.shapes().get(name)),
                            MemorySegment.ofArray(values)));
            writer.write(to.resolve("model.safetensors"));
        }
        return to;
    }
}
