package cloze.foreign;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.checkpoint.Safetensors;
import cloze.checkpoint.SafetensorsWriter;
import cloze.checkpoint.StoredTensor;
import cloze.checkpoint.StoredType;
import cloze.image.ImageSettings;
import cloze.image.Normalization;
import cloze.model.Mae;
import cloze.model.MaeConfig;
import cloze.model.Vit;
import cloze.model.VitConfig;
import cloze.nn.Parameters;
import cloze.nn.Stack;
import cloze.op.Device;
import cloze.recipe.Encoders;
import cloze.recipe.Preset;
import cloze.recipe.Recipes;
import cloze.recipe.SavedModels;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class VitFolderTest {
    private static final Companions IMAGENET = Companions.of(Normalization.IMAGENET, List.of());

    @TempDir
    Path folder;

    private record Encoded(Stack.Positions positions, List<Float> features) {}

    private static Encoded encode(Path path, int side, String images) throws IOException {
        try (Backend backend = Device.all().getFirst().open(2);
                Scope scope = backend.memory().scope("test")) {
            Vit vit = Encoders.load(path, side, backend, scope).model();
            Tape tape = Tape.inference(backend, scope);
            float[] features = backend.floats(vit.features(tape, vit.patches(tape, GoldenMae.floats(images))));
            return new Encoded(vit.config().stack().positions(), list(features));
        }
    }

    private static List<Float> list(float[] values) {
        return IntStream.range(0, values.length).mapToObj(i -> values[i]).toList();
    }

    private static void assertFeatures(Encoded encoded, String name) throws IOException {
        float[] expected = GoldenMae.floats(name);
        assertThat(encoded.features()).hasSize(expected.length);
        for (int i = 0; i < expected.length; i++) {
            assertThat(encoded.features().get(i)).isCloseTo(expected[i], within(1e-4f));
        }
    }

    private static void saveRun(Path to, Parameters.Built<Mae> built, Backend backend) throws IOException {
        Preset<MaeConfig> preset = Recipes.MAE.preset().withModel(built.model().config());
        SavedModels.save(to, Recipes.MAE, preset, built.parameters(), backend);
    }

    /** The golden model as a folder of another kind. */
    private Path as(String kind) throws IOException {
        try (Backend backend = Device.all().getFirst().open(2);
                Scope scope = backend.memory().scope("test")) {
            Path copy = GoldenMae.copy(folder.resolve("copy"), json -> json.replace("1e-12", "1e-06"));
            Parameters.Built<Mae> built = ForeignMae.HUGGING_FACE.load(copy, backend, scope);
            switch (kind) {
                case "mae" -> saveRun(folder, built, backend);
                case "timm" -> ForeignMae.TIMM.save(folder, built, IMAGENET, backend);
                case "vit_mae" -> ForeignMae.HUGGING_FACE.save(folder, built, IMAGENET, backend);
                case "vit" -> {
                    ForeignMae.HUGGING_FACE.save(folder, built, IMAGENET, backend);
                    asViTModel();
                }
                default -> throw new AssertionError(kind);
            }
        }
        return folder;
    }

    /** As {@code ViTModel} saves itself: without the prefix, without a decoder, with a pooler. */
    private void asViTModel() throws IOException {
        var writer = new SafetensorsWriter();
        try (var file = Safetensors.open(folder)) {
            for (StoredTensor tensor : file.tensors().values()) {
                if (tensor.name().startsWith("vit.")) {
                    String name = tensor.name().substring("vit.".length());
                    writer.add(name, tensor.type(), tensor.shape(), file.segment(tensor.name()));
                }
            }
            writer.add("pooler.dense.bias", StoredType.F32, new Shape(16), MemorySegment.ofArray(new float[16]));
            writer.write(folder.resolve("vit.safetensors"));
        }
        Files.move(
                folder.resolve("vit.safetensors"),
                folder.resolve("model.safetensors"),
                StandardCopyOption.REPLACE_EXISTING);
        Path config = folder.resolve("config.json");
        Files.writeString(config, Files.readString(config).replace("vit_mae", "vit"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"mae", "timm", "vit_mae", "vit"})
    void features_are_those_of_the_independent_implementation_whatever_the_folder(String kind) throws IOException {
        Encoded encoded = encode(as(kind), 20, "images");
        assertThat(encoded.positions()).isEqualTo(Stack.Positions.SIN_COS);
        assertFeatures(encoded, "features");
    }

    @ParameterizedTest
    @ValueSource(strings = {"mae", "timm", "vit_mae", "vit"})
    void positions_are_interpolated_for_images_of_another_size(String kind) throws IOException {
        Encoded encoded = encode(as(kind), 28, "larger_images");
        assertThat(encoded.positions()).isEqualTo(Stack.Positions.LEARNED);
        assertFeatures(encoded, "larger_features");
    }

    /** What is added to positions and taken from biases changes nothing but that positions are not fixed any more. */
    @Test
    void learned_positions_count_that_of_the_class_token_too() throws IOException {
        String positions = "vit.embeddings.position_embeddings";
        String bias = "vit.embeddings.patch_embeddings.projection.bias";
        String token = "vit.embeddings.cls_token";
        GoldenMae.Change change;
        try (var file = Safetensors.open(GoldenMae.folder())) {
            change = GoldenMae.Change.NONE
                    .with(positions, moved(GoldenMae.floats(file, positions), 0.25f), 1, 26, 16)
                    .with(bias, moved(GoldenMae.floats(file, bias), -0.25f), 16)
                    .with(token, moved(GoldenMae.floats(file, token), -0.25f), 1, 1, 16);
        }
        GoldenMae.changed(folder, change);
        Encoded encoded = encode(folder, 20, "images");
        assertThat(encoded.positions()).isEqualTo(Stack.Positions.LEARNED);
        assertFeatures(encoded, "features");
        assertFeatures(encode(folder, 28, "larger_images"), "larger_features");
        try (Backend backend = Device.all().getFirst().open(2);
                Scope scope = backend.memory().scope("test")) {
            saveRun(folder.resolve("own"), ForeignMae.HUGGING_FACE.load(folder, backend, scope), backend);
        }
        assertFeatures(encode(folder.resolve("own"), 20, "images"), "features");
        assertFeatures(encode(folder.resolve("own"), 28, "larger_images"), "larger_features");
    }

    private static float[] moved(float[] values, float by) {
        for (int i = 0; i < values.length; i++) {
            values[i] += by;
        }
        return values;
    }

    @ParameterizedTest
    @CsvSource({"F16, 0", "BF16, 16"})
    void sines_are_recognised_in_half_precision(StoredType type, int shift) throws IOException {
        GoldenMae.copy(folder, json -> json);
        var writer = new SafetensorsWriter();
        try (var file = Safetensors.open(GoldenMae.folder())) {
            for (StoredTensor tensor : file.tensors().values()) {
                float[] floats = GoldenMae.floats(file, tensor.name());
                var halves = new short[floats.length];
                for (int i = 0; i < floats.length; i++) {
                    halves[i] = shift == 0
                            ? Float.floatToFloat16(floats[i])
                            : (short) (Float.floatToIntBits(floats[i]) >> shift);
                }
                writer.add(tensor.name(), type, tensor.shape(), MemorySegment.ofArray(halves));
            }
        }
        writer.write(folder.resolve("model.safetensors"));
        assertThat(encode(folder, 20, "images").positions()).isEqualTo(Stack.Positions.SIN_COS);
    }

    @Test
    void timm_s_names_of_architectures_tell_the_sizes() throws IOException {
        Path config = folder.resolve("config.json");
        Files.writeString(config, "{\"architecture\": \"vit_base_patch16_224.mae\", \"num_features\": 768}");
        assertThat(VitFolder.config(folder)).isEqualTo(new VitConfig(224, 3, 16, new Stack(12, 768, 12)));
        Files.writeString(config, "{\"architecture\": \"vit_large_patch16_224\", \"model_args\": {\"img_size\": 384}}");
        assertThat(VitFolder.config(folder)).isEqualTo(new VitConfig(384, 3, 16, new Stack(24, 1024, 16)));
        Files.writeString(config, "{\"architecture\": \"resnet50\"}");
        assertThatThrownBy(() -> VitFolder.config(folder))
                .hasMessage(
                        config + ": architecture must be like vit_base_patch16_224, tiny to huge, but is 'resnet50'");
        Files.writeString(config, "{\"model_type\": \"swin\"}");
        assertThatThrownBy(() -> Encoders.config(folder))
                .hasMessage(folder
                        + " is a model of kind swin, but an image encoder is needed (a run of mae, simmim, classifier,"
                        + " or a vision transformer of Hugging Face or timm)");
    }

    @Test
    void a_side_that_is_no_multiple_of_the_patches_is_refused() {
        assertThatThrownBy(() -> encode(GoldenMae.folder(), 21, "images"))
                .hasMessage("VitConfig: images of 21 x 21 pixels can not be cut into patches of 4 x 4");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "'\"pretrained_cfg\": {\"mean\": [0.5, 0.4, 0.3], \"std\": [1, 2, 3]}'; ''; 0.4",
                "'\"qkv_bias\": true'; '{\"image_mean\": [0.7, 0.6, 0.5], \"image_std\": [1, 2, 3]}'; 0.6",
                "'\"qkv_bias\": true'; ''; 0.456"
            })
    void finds_what_images_are_normalised_by(String said, String preprocessor, double second) throws IOException {
        Files.writeString(
                folder.resolve("config.json"), String.format(Locale.ROOT, "{\"model_type\": \"vit\", %s}", said));
        if (!preprocessor.isEmpty()) {
            Files.writeString(folder.resolve("preprocessor_config.json"), preprocessor);
        }
        assertThat(Encoders.normalization(folder).mean().get(1)).isEqualTo(second);
    }

    @Test
    void a_run_keeps_what_its_images_are_normalised_by() throws IOException {
        var normalization = new Normalization(List.of(0.1, 0.2, 0.3), List.of(1.0, 2.0, 3.0));
        Preset<MaeConfig> preset =
                Recipes.MAE.preset().withData(ImageSettings.of("").withFound(normalization, List.of()));
        try (Backend backend = Device.all().getFirst().open(2);
                Scope scope = backend.memory().scope("test")) {
            Parameters parameters = Recipes.MAE.build(preset, backend, scope).parameters();
            SavedModels.save(folder, Recipes.MAE, preset, parameters, backend);
        }
        assertThat(Encoders.normalization(folder)).isEqualTo(normalization);
    }

    @Test
    void says_which_normalisation_does_not_fit() throws IOException {
        Path preprocessor = folder.resolve("preprocessor_config.json");
        Files.writeString(folder.resolve("config.json"), "{\"model_type\": \"vit\", \"num_channels\": 1}");
        Files.writeString(preprocessor, "{\"image_mean\": [0.1, 0.2], \"image_std\": [1, 2]}");
        assertThatThrownBy(() -> VitFolder.normalization(folder))
                .hasMessageContaining("normalization must be means of 1 channels, but is [0.1, 0.2]");
        Files.writeString(preprocessor, "{\"image_mean\": [\"a\"], \"image_std\": [1]}");
        assertThatThrownBy(() -> VitFolder.normalization(folder)).hasMessageContaining("a list of numbers");
    }
}
