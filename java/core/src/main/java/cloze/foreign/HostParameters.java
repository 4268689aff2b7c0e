package cloze.foreign;

import cloze.backend.Backend;
import cloze.nn.Parameters;
import cloze.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Room on the host for every parameter of a model, on the way from a file to a device or back. */
final class HostParameters implements AutoCloseable {
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

    static List<String> names(Parameters parameters) {
        return parameters.tensors().stream().map(Tensor::name).toList();
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

    /** To the device, and what the model computes with from there. */
    void upload() {
        for (Tensor parameter : parameters.tensors()) {
            backend.upload(floats(parameter.name()), parameter);
        }
        parameters.refresh();
    }

    /** From the device. */
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
