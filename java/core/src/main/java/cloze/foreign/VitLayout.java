package cloze.foreign;

import cloze.foreign.Layout.Mapping;
import cloze.model.Mae;
import cloze.model.Vit;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Vision transformers and masked autoencoders in foreign files. Positions are separate: a file always has them, a Cloze
 * model only if they are learned.
 *
 * @param layout of the parameters
 * @param positions name of the encoder's positions [1, 1 + N, D] in the file, with the layout's prefix or without
 * @param decoderPositions name of the decoder's, or null if there is no decoder
 */
public record VitLayout(
        Layout layout, String positions, @Nullable String decoderPositions) {
    /** Names of other tensors beside an encoder, such as a classifier's head. */
    private static final Pattern BESIDE = Pattern.compile(
            "(decoder|decoder_blocks|decoder_embed|decoder_norm|decoder_pred|head|fc_norm|pooler|classifier)\\..*"
                    + "|mask_token|decoder_pos_embed|embeddings\\.mask_token");

    private static final String DECODER = "decoder.decoder_layers.";
    private static final String RENAMED_DECODER = "decoder.decoder_encoder.layer.";

    /** Names of the model's parameters in the layout. */
    public Set<String> parameters() {
        return layout.mappings().stream().map(Mapping::model).collect(Collectors.toSet());
    }

    /**
     * The paper's code. Encoder and decoder.
     *
     * @param channels C
     */
    public static VitLayout paper(int layers, int decoderLayers, int channels) {
        List<Mapping> mappings = paperEncoder(layers, channels, "norm");
        linear(mappings, "decoder_embed", "decoder_embed");
        mappings.add(new Mapping("mask_token", "mask_token", new TensorForm.Leading(2)));
        for (int i = 0; i < decoderLayers; i++) {
            paperBlock(mappings, "decoder_blocks." + i);
        }
        linear(mappings, "decoder_norm", "decoder_norm");
        linear(mappings, "decoder_pred", "decoder_pred");
        return new VitLayout(
                new Layout(mappings, "", Map.of(), VitLayout::isPositions), Vit.POSITIONS, Mae.DECODER_POSITIONS);
    }

    /** The encoder as the paper's code and timm name it; other tensors of the file are ignored. */
    public static VitLayout timm(int layers, int channels) {
        return timm(layers, channels, "norm");
    }

    /** @param norm name of the last norm, which may come behind the pooling */
    static VitLayout timm(int layers, int channels, String norm) {
        return new VitLayout(
                new Layout(paperEncoder(layers, channels, norm), "", Map.of(), VitLayout::isBesideEncoder),
                Vit.POSITIONS,
                null);
    }

    private static List<Mapping> paperEncoder(int layers, int channels, String norm) {
        List<Mapping> mappings = new ArrayList<>();
        mappings.add(new Mapping("cls_token", "cls_token", new TensorForm.Leading(2)));
        patches(mappings, "patch_embed.proj", channels);
        for (int i = 0; i < layers; i++) {
            paperBlock(mappings, "blocks." + i);
        }
        linear(mappings, norm, norm);
        return mappings;
    }

    private static void paperBlock(List<Mapping> mappings, String block) {
        for (String layer : List.of("norm1", "attn.qkv", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2")) {
            linear(mappings, block + "." + layer, block + "." + layer);
        }
    }

    /** {@code ViTMAEForPreTraining} of Hugging Face. Encoder and decoder. */
    public static VitLayout huggingFace(int layers, int decoderLayers, int channels) {
        return huggingFace(layers, decoderLayers, channels, DECODER);
    }

    /**
     * {@code ViTMAEForPreTraining} as a file names its decoder, which transformers 5 has renamed.
     *
     * @param names of tensors in the file
     */
    public static VitLayout huggingFace(int layers, int decoderLayers, int channels, Set<String> names) {
        boolean renamed = names.stream().anyMatch(name -> name.startsWith(RENAMED_DECODER));
        return huggingFace(layers, decoderLayers, channels, renamed ? RENAMED_DECODER : DECODER);
    }

    private static VitLayout huggingFace(int layers, int decoderLayers, int channels, String decoder) {
        List<Mapping> mappings = huggingFaceEncoder("vit.", layers, channels);
        linear(mappings, "decoder.decoder_embed", "decoder_embed");
        mappings.add(new Mapping("decoder.mask_token", "mask_token", new TensorForm.Leading(2)));
        for (int i = 0; i < decoderLayers; i++) {
            huggingFaceBlock(mappings, decoder + i, "decoder_blocks." + i);
        }
        linear(mappings, "decoder.decoder_norm", "decoder_norm");
        linear(mappings, "decoder.decoder_pred", "decoder_pred");
        return new VitLayout(
                new Layout(mappings, "", Map.of(), VitLayout::isPositions),
                "vit.embeddings.position_embeddings",
                "decoder.decoder_pos_embed");
    }

    /** {@code ViTModel} of Hugging Face, alone or in a larger model, whose other parts are ignored. */
    public static VitLayout huggingFaceEncoder(int layers, int channels) {
        var layout = new Layout(huggingFaceEncoder("", layers, channels), "vit.", Map.of(), VitLayout::isBesideEncoder);
        return new VitLayout(layout, "embeddings.position_embeddings", null);
    }

    private static List<Mapping> huggingFaceEncoder(String prefix, int layers, int channels) {
        List<Mapping> mappings = new ArrayList<>();
        mappings.add(new Mapping(prefix + "embeddings.cls_token", "cls_token", new TensorForm.Leading(2)));
        patches(mappings, prefix + "embeddings.patch_embeddings.projection", channels);
        for (int i = 0; i < layers; i++) {
            huggingFaceBlock(mappings, prefix + "encoder.layer." + i, "blocks." + i);
        }
        linear(mappings, prefix + "layernorm", "norm");
        return mappings;
    }

    private static void huggingFaceBlock(List<Mapping> mappings, String fileBlock, String ourBlock) {
        String file = fileBlock + ".";
        String ours = ourBlock + ".";
        linear(mappings, file + "layernorm_before", ours + "norm1");
        List<String> parts = List.of("query", "key", "value");
        for (int i = 0; i < parts.size(); i++) {
            String part = file + "attention.attention." + parts.get(i);
            var band = new TensorForm.Band(i, parts.size());
            mappings.add(new Mapping(part + ".weight", ours + "attn.qkv.weight", band));
            mappings.add(new Mapping(part + ".bias", ours + "attn.qkv.bias", band));
        }
        linear(mappings, file + "attention.output.dense", ours + "attn.proj");
        linear(mappings, file + "layernorm_after", ours + "norm2");
        linear(mappings, file + "intermediate.dense", ours + "mlp.fc1");
        linear(mappings, file + "output.dense", ours + "mlp.fc2");
    }

    /** Or a norm: weight and bias. */
    private static void linear(List<Mapping> mappings, String file, String ours) {
        mappings.add(new Mapping(file + ".weight", ours + ".weight", new TensorForm.Same()));
        mappings.add(new Mapping(file + ".bias", ours + ".bias", new TensorForm.Same()));
    }

    private static void patches(List<Mapping> mappings, String file, int channels) {
        mappings.add(new Mapping(file + ".weight", "patch_embed.proj.weight", new TensorForm.Patches(channels)));
        mappings.add(new Mapping(file + ".bias", "patch_embed.proj.bias", new TensorForm.Same()));
    }

    private static boolean isPositions(String name) {
        return name.equals(Vit.POSITIONS)
                || name.equals("vit.embeddings.position_embeddings")
                || name.endsWith(Mae.DECODER_POSITIONS);
    }

    private static boolean isBesideEncoder(String name) {
        return name.equals(Vit.POSITIONS)
                || name.equals("embeddings.position_embeddings")
                || BESIDE.matcher(name).matches();
    }
}
