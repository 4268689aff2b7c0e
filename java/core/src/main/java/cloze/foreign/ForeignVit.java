package cloze.foreign;

import cloze.checkpoint.CheckpointException;
import cloze.checkpoint.ConfigJson;
import cloze.image.Normalization;
import cloze.model.MaeConfig;
import cloze.model.VitConfig;
import cloze.nn.Stack;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Sizes of vision transformers and masked autoencoders in a {@code config.json} of Hugging Face or timm. */
final class ForeignVit {
    /** {@code vit_base_patch16_224.mae}: family, patch, image. */
    private static final Pattern NAME = Pattern.compile("vit_([a-z]+)_patch(\\d{1,3})_(\\d{1,4})(\\..*)?");

    static final String PREPROCESSOR = "preprocessor_config.json";

    private static final Map<String, Stack> FAMILIES = Map.of(
            "tiny", new Stack(12, 192, 3),
            "small", new Stack(12, 384, 6),
            "base", new Stack(12, 768, 12),
            "large", new Stack(24, 1024, 16),
            "huge", new Stack(32, 1280, 16));

    private ForeignVit() {}

    private interface Sizes<C> {
        C read() throws CheckpointException;
    }

    private static <C> C checked(ConfigJson json, Sizes<C> sizes) throws CheckpointException {
        try {
            return sizes.read();
        } catch (IllegalArgumentException e) {
            throw new CheckpointException(json.file(), "" + e.getMessage());
        }
    }

    /** {@code ViTMAEConfig}; an absent key has the value that Hugging Face gives it. */
    static MaeConfig mae(ConfigJson json) throws CheckpointException {
        VitConfig vit = vit(json);
        return checked(json, () -> {
            var decoder = new Stack(
                    json.whole("decoder_num_hidden_layers", 8),
                    json.whole("decoder_hidden_size", 512),
                    json.whole("decoder_num_attention_heads", 16),
                    Stack.Positions.SIN_COS,
                    vit.stack().epsilon());
            json.requireNumber("decoder_intermediate_size", 2048, 4.0 * decoder.width(), "4 decoder_hidden_size");
            double ratio = json.number("mask_ratio", 0.75);
            boolean normalize = json.flag("norm_pix_loss", false);
            return new MaeConfig(vit.image(), vit.channels(), vit.patch(), vit.stack(), decoder, ratio, normalize);
        });
    }

    /** {@code ViTConfig}, or the encoder's part of {@code ViTMAEConfig}. */
    static VitConfig vit(ConfigJson json) throws CheckpointException {
        json.requireText("hidden_act", "gelu", List.of("gelu"));
        json.requireFlag("qkv_bias", true, true);
        return checked(json, () -> {
            int width = json.whole("hidden_size", 768);
            json.requireNumber("intermediate_size", 3072, 4.0 * width, "4 hidden_size");
            var stack = new Stack(
                    json.whole("num_hidden_layers", 12),
                    width,
                    json.whole("num_attention_heads", 12),
                    Stack.Positions.SIN_COS,
                    (float) json.number("layer_norm_eps", 1e-12));
            return new VitConfig(
                    json.whole("image_size", 224), json.whole("num_channels", 3), json.whole("patch_size", 16), stack);
        });
    }

    /** timm: an architecture's name, which {@code model_args} may override. */
    static VitConfig timm(ConfigJson json) throws CheckpointException {
        String name = json.text("architecture", "");
        Matcher matcher = NAME.matcher(name);
        Stack family = matcher.matches() ? FAMILIES.get(matcher.group(1)) : null;
        if (family == null) {
            throw new CheckpointException(
                    json.file(), "architecture", "like vit_base_patch16_224, tiny to huge", "'" + name + "'");
        }
        ConfigJson args = json.object("model_args");
        return checked(json, () -> {
            args.requireNumber("mlp_ratio", 4, 4, "that of our blocks");
            var stack = new Stack(
                    args.whole("depth", family.layers()),
                    args.whole("embed_dim", family.width()),
                    args.whole("num_heads", family.heads()));
            int image = args.whole("img_size", Integer.parseInt(matcher.group(3)));
            int patch = args.whole("patch_size", Integer.parseInt(matcher.group(2)));
            return new VitConfig(image, args.whole("in_chans", 3), patch, stack);
        });
    }

    /** For {@code ViTMAEForPreTraining}. */
    static Map<String, Object> json(MaeConfig c) {
        var json = new LinkedHashMap<String, Object>();
        json.put("architectures", List.of("ViTMAEForPreTraining"));
        json.put("model_type", "vit_mae");
        json.put("image_size", c.image());
        json.put("num_channels", c.channels());
        json.put("patch_size", c.patch());
        json.put("num_hidden_layers", c.encoder().layers());
        json.put("hidden_size", c.encoder().width());
        json.put("num_attention_heads", c.encoder().heads());
        json.put("intermediate_size", 4 * c.encoder().width());
        json.put("decoder_num_hidden_layers", c.decoder().layers());
        json.put("decoder_hidden_size", c.decoder().width());
        json.put("decoder_num_attention_heads", c.decoder().heads());
        json.put("decoder_intermediate_size", 4 * c.decoder().width());
        json.put("hidden_act", "gelu");
        json.put("qkv_bias", true);
        json.put("layer_norm_eps", c.encoder().epsilon());
        json.put("mask_ratio", c.ratio());
        json.put("norm_pix_loss", c.normalize());
        json.put("torch_dtype", "float32");
        return json;
    }

    /** The {@code preprocessor_config.json} for {@code ViTImageProcessor}. */
    static Map<String, Object> json(int image, Normalization normalization) {
        var json = new LinkedHashMap<String, Object>();
        json.put("image_processor_type", "ViTImageProcessor");
        json.put("do_resize", true);
        json.put("size", Map.of("height", image, "width", image));
        json.put("resample", 3); // bicubic
        json.put("do_rescale", true);
        json.put("rescale_factor", 1 / 255.0);
        json.put("do_normalize", true);
        json.put("image_mean", normalization.mean());
        json.put("image_std", normalization.deviation());
        return json;
    }

    /** For timm's {@code create_model}: a known architecture whose sizes are all given again. */
    static Map<String, Object> json(VitConfig c, Normalization normalization) {
        var args = new LinkedHashMap<String, Object>();
        args.put("img_size", c.image());
        args.put("patch_size", c.patch());
        args.put("in_chans", c.channels());
        args.put("embed_dim", c.stack().width());
        args.put("depth", c.stack().layers());
        args.put("num_heads", c.stack().heads());
        var pretrained = new LinkedHashMap<String, Object>();
        pretrained.put("input_size", List.of(c.channels(), c.image(), c.image()));
        pretrained.put("num_classes", 0);
        pretrained.put("interpolation", "bicubic");
        pretrained.put("mean", normalization.mean());
        pretrained.put("std", normalization.deviation());
        var json = new LinkedHashMap<String, Object>();
        json.put("architecture", "vit_base_patch16_224");
        json.put("num_classes", 0);
        json.put("num_features", c.stack().width());
        json.put("model_args", args);
        json.put("pretrained_cfg", pretrained);
        return json;
    }
}
