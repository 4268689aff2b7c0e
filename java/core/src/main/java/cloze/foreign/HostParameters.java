package cloze.foreign;

import cloze.backend.Backend;
import cloze.checkpoint.CheckpointException;
import cloze.checkpoint.Safetensors;
import cloze.checkpoint.SafetensorsWriter;
import cloze.nn.ParameterSource;
import cloze.nn.Parameters;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/** Every parameter of a model in host memory, on the way from a file to a device or back. */
public final class HostParameters implements AutoCloseable {
    static final long SHARD = 5L << 30; // bytes of a file
    private static final int ALIGNMENT = 64;

    private final Arena arena = Arena.ofConfined();
    private final Parameters parameters;
    private final Backend backend;
    private final Map<String, Layout.Values> values = new LinkedHashMap<>();

    HostParameters(Parameters parameters, Backend backend) {
        this.parameters = parameters;
        this.backend = backend;
        for (Tensor parameter : parameters.tensors()) {
            MemorySegment floats = arena.allocate(parameter.bytes(), ALIGNMENT);
            values.put(parameter.name(), new Layout.Values(parameter.shape(), floats));
        }
    }

    /** The parameters of a model under their own names and in their own shapes. */
    public static Layout own(Parameters parameters) {
        return Layout.own(parameters.tensors().stream().map(Tensor::name).toList(), List.of());
    }

    /**
     * Makes a model from a file that has every one of its parameters, once names and shapes are known to agree.
     *
     * @param scope owns the parameters
     * @throws CheckpointException naming every tensor that is missing, unexpected or of another shape
     */
    public static <M> Parameters.Built<M> load(
            Safetensors file, Layout layout, Backend backend, Scope scope, Function<ParameterSource, M> model)
            throws CheckpointException {
        layout.check(file, Parameters.shapes(model));
        Parameters.Built<M> built = Parameters.build(backend, scope, 0, model);
        read(file, layout, built.parameters(), backend);
        return built;
    }

    /** Parameters under their own names and in their own shapes. */
    public static Layout own(Map<String, Shape> shapes) {
        return Layout.own(shapes.keySet(), List.of());
    }

    /** Fills a model from a file that has every one of its parameters. */
    public static void read(Safetensors file, Layout layout, Parameters parameters, Backend backend)
            throws CheckpointException {
        try (var host = new HostParameters(parameters, backend)) {
            layout.read(file, host.values());
            host.upload();
        }
    }

    /** Writes {@code model.safetensors}, or shards of it, into a folder. */
    public static void write(Path folder, Layout layout, Parameters parameters, Backend backend) throws IOException {
        write(folder, layout, parameters, Map.of(), backend);
    }

    /**
     * As {@link #write(Path, Layout, Parameters, Backend)}, with parameters that the model lacks as zeros.
     *
     * @param all shapes of parameters, those of the model or more
     */
    static void write(Path folder, Layout layout, Parameters parameters, Map<String, Shape> all, Backend backend)
            throws IOException {
        try (var host = new HostParameters(parameters, backend)) {
            host.download();
            for (var wanted : all.entrySet()) {
                Shape shape = wanted.getValue();
                host.values.computeIfAbsent(
                        wanted.getKey(),
                        _ -> new Layout.Values(shape, host.arena.allocate(shape.size() * Float.BYTES, ALIGNMENT)));
            }
            var writer = new SafetensorsWriter();
            layout.write(host.values(), writer);
            writer.metadata("format", "pt").writeFolder(folder, SHARD);
        }
    }

    /** All of them by name. */
    Map<String, Layout.Values> values() {
        return values;
    }

    MemorySegment floats(String name) {
        Layout.Values of = values.get(name);
        if (of == null) {
            throw new IllegalArgumentException("no parameter is named " + name);
        }
        return of.floats();
    }

    /** Copies to the device, and updates the bf16 copies there. */
    void upload() {
        for (Tensor parameter : parameters.tensors()) {
            backend.upload(floats(parameter.name()), parameter);
        }
        parameters.refresh();
    }

    /** Copies from the device. */
    void download() {
        for (Tensor parameter : parameters.tensors()) {
            backend.download(parameter, floats(parameter.name()));
        }
    }

    @Override
    public void close() {
        arena.close();
    }
}
