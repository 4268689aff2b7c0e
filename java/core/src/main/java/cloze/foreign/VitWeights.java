package cloze.foreign;

import cloze.backend.Backend;
import cloze.checkpoint.Safetensors;
import cloze.checkpoint.SafetensorsWriter;
import cloze.checkpoint.StoredType;
import cloze.model.Mae;
import cloze.model.MaeConfig;
import cloze.model.Vit;
import cloze.nn.ParameterSource;
import cloze.nn.Parameters;
import cloze.nn.SinCosPositions;
import cloze.nn.Stack;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Reads and writes the parameters of vision transformers, and converts their positions. */
public final class VitWeights {
    private static final Set<String> TABLES = Set.of(Vit.POSITIONS, Mae.DECODER_POSITIONS);

    private VitWeights() {}

    /**
     * Makes a model from a file that has its positions in another form, once names and shapes are known to agree.
     *
     * @param positions the tables that the model has a parameter for if they are learned
     * @param classToken the class token's position, [D]
     * @param scope owns the parameters
     */
    static <M> Parameters.Built<M> load(
            Safetensors file,
            Layout layout,
            Map<String, float[]> positions,
            float[] classToken,
            Backend backend,
            Scope scope,
            Function<ParameterSource, M> model)
            throws IOException {
        var shapes = new LinkedHashMap<>(Parameters.shapes(model));
        shapes.keySet().removeAll(TABLES);
        layout.check(file, shapes);
        Parameters.Built<M> built = Parameters.build(backend, scope, 0, model);
        read(file, layout, built.parameters(), backend, positions, classToken);
        return built;
    }

    private static void read(
            Safetensors file,
            Layout layout,
            Parameters parameters,
            Backend backend,
            Map<String, float[]> positions,
            float[] classToken)
            throws IOException {
        try (var host = new HostParameters(parameters, backend)) {
            layout.read(file, withoutPositions(host));
            MemorySegment token = host.floats("cls_token");
            for (int i = 0; i < classToken.length; i++) {
                float sum = token.getAtIndex(ValueLayout.JAVA_FLOAT, i) + classToken[i];
                token.setAtIndex(ValueLayout.JAVA_FLOAT, i, sum);
            }
            positions.forEach((name, table) -> {
                if (host.values().containsKey(name)) {
                    host.floats(name).copyFrom(MemorySegment.ofArray(table));
                }
            });
            host.upload();
        }
    }

    private static Map<String, Layout.Values> withoutPositions(HostParameters host) {
        var rest = new LinkedHashMap<>(host.values());
        rest.keySet().removeAll(TABLES);
        return rest;
    }

    /** Writes a masked autoencoder, or its encoder alone, with positions in the file. */
    static void export(Path folder, VitLayout layout, MaeConfig c, Parameters parameters, Backend backend)
            throws IOException {
        try (var host = new HostParameters(parameters, backend)) {
            host.download();
            var writer = new SafetensorsWriter();
            Map<String, Layout.Values> values = withoutPositions(host);
            values.keySet().retainAll(layout.parameters());
            layout.layout().write(values, writer);
            add(writer, layout.positions(), c.grid(), c.encoder(), host.values().get(Vit.POSITIONS));
            String decoder = layout.decoderPositions();
            if (decoder != null) {
                add(writer, decoder, c.grid(), c.decoder(), host.values().get(Mae.DECODER_POSITIONS));
            }
            writer.metadata("format", "pt").writeFolder(folder, HostParameters.SHARD);
        }
    }

    /**
     * Adds positions [1, 1 + N, D]: zeros for the class token where the table has no row for it, as it holds its own.
     *
     * @param learned [N, D] or [1 + N, D], or null for the fixed ones
     */
    private static void add(SafetensorsWriter to, String name, int grid, Stack stack, Layout.@Nullable Values learned) {
        float[] table = learned == null
                ? SinCosPositions.grid(grid, grid, stack.width())
                : learned.floats().toArray(ValueLayout.JAVA_FLOAT);
        var all = new float[(1 + grid * grid) * stack.width()];
        System.arraycopy(table, 0, all, all.length - table.length, table.length);
        var shape = new Shape(1, 1 + grid * grid, stack.width());
        to.add(name, StoredType.F32, shape, MemorySegment.ofArray(all));
    }
}
